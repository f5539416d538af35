"""What is wrong with a board? Layer by layer, from the cable to the broker; nothing is changed by looking."""

from atecc.doctor.examine import Verdict, examine, first_failure, verdict
from atecc.doctor.patient import Patient

__all__ = ["Patient", "Verdict", "examine", "first_failure", "verdict"]
