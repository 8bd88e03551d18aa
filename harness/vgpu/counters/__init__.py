"""What a launch did, counted exactly from the PTX that was executed."""
