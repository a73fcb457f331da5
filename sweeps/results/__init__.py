"""What came out of sweeps, for people and programs: who leads, how it stands, which of two is better, the model handed over."""
