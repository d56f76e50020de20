"""Optimal-pair ranking (arXiv 2406.00327): of two organs with similar names, which mask is the better one?"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

MARGIN = 1e-4


def optimal_pairs(text: Tensor) -> Tensor:
    """Partner (B,) of every sample: the assignment with most cosine similarity in all between `text` (B, D).

    Nobody is paired with itself, so B must be at least 2. The assignment is one to one, but i's partner need
    not have i for a partner.
    """
    from scipy.optimize import linear_sum_assignment

    unit = torch.nn.functional.normalize(text.detach().float(), dim=1)
    similarity = (unit @ unit.T).cpu().numpy().astype(np.float64)
    np.fill_diagonal(similarity, -np.inf)
    _, partners = linear_sum_assignment(similarity, maximize=True)
    return torch.from_numpy(partners).to(text.device)


def ranking_loss(predicted: Tensor, target: Tensor, text: Tensor) -> Tensor:
    """mean over pairs (i, j) of relu(-(y_i - y_j)(h_i - h_j) + 1e-4); a scalar.

    `predicted` y and `target` h are (B,), `text` (B, D) are the vectors of the organs' names. A batch of one
    has no pairs and costs nothing.
    """
    if len(predicted) < 2:
        return predicted.sum() * 0
    partners = optimal_pairs(text)
    agreement = (predicted - predicted[partners]) * (target - target[partners])
    return torch.relu(MARGIN - agreement).mean()
