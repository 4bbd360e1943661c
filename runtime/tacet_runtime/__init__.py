"""The runtime: learns a job from its plan and runs it. Never imports the compiler."""
