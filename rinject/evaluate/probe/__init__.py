"""Probing: does the student use the program's variables, or merely carry them?"""

from rinject.evaluate.probe.interchange import (
    InterchangeReport,
    Positions,
    VariableInterchange,
    interchange,
)
from rinject.evaluate.probe.noise import NoiseReport, noise
from rinject.evaluate.probe.plots import draw_interchange, draw_noise, draw_steering
from rinject.evaluate.probe.shares import Share
from rinject.evaluate.probe.steer import Steered, steer
from rinject.evaluate.probe.steering import SteeringReport, VariableSteering, steering

__all__ = [
    "InterchangeReport",
    "NoiseReport",
    "Positions",
    "Share",
    "Steered",
    "SteeringReport",
    "VariableInterchange",
    "VariableSteering",
    "draw_interchange",
    "draw_noise",
    "draw_steering",
    "interchange",
    "noise",
    "steer",
    "steering",
]
