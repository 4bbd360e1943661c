"""What the job means, one event at a time: the reference that every engine must agree with."""
