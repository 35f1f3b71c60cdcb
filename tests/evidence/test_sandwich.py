import math

import pytest
import torch
from torch.distributions import Independent, StudentT

from oracles import LinearGaussian
from test_annealed_models import QUICK, STARTS, model_and_rows
