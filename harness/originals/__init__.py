"""The tables that the systems which started fuseproof published, made again with our kernels by one command each."""
