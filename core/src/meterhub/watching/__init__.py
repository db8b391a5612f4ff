"""What people see of the traffic: recorded frames and traced points."""
