"""From a key in the chip to a device that is connected: the workflow, and who may sign its certificate."""
