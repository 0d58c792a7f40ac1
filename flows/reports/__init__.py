"""Citizens' reports: the door, what the machine does with them, and what others see of them."""
