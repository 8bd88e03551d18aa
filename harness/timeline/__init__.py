"""What ran on a device and when: operations, ranges around them, gaps between them, and their figures.

The definitions are those of docs/design.md, section 5.
"""
