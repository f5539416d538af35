"""What the chip refuses, forgets and counts: each rule a small named function (`simchip.rules.switch`)."""
