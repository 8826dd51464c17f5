"""Late fusion: each modality has decided, and the decisions become one."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from soundmill.fusion.fusion_network import Batch, Calibration, Fusion, no_weights

RIDGE = 1e-2
"""Cost of squared evidence weights' distance from 1, a modality; keeps them finite on easy data."""
STACKING = 0.1
"""Inverse strength of the regression's ridge."""


class Mean(Fusion):
    """The mean of the calibrated probabilities of those that are there."""

    def __init__(self, calibration: Calibration) -> None:
        super().__init__()
        self.calibration = calibration

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c), and no weights."""
        there = batch.present[..., None].float()
        found = self.calibration.log_probabilities(batch).exp() * there
        return (found.sum(dim=1) / there.sum(dim=1)).clamp_min(1e-30).log(), no_weights(batch)


class Product(Fusion):
    """Bayes' rule for modalities that are independent given the class.

    The calibrated probabilities of those that are there, each divided by its prior, multiplied,
    and times one prior (Kittler et al., "On combining classifiers", 1998, equation 7).
    """

    def __init__(self, calibration: Calibration) -> None:
        super().__init__()
        self.calibration = calibration

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c), and no weights."""
        evidence = self.calibration.evidence(batch).sum(dim=1)
        return self.calibration.decide(evidence), no_weights(batch)


class Weighted(Fusion):
    """A product in which each modality has a fixed weight, the exponent of its probabilities."""

    def __init__(self, calibration: Calibration) -> None:
        super().__init__()
        self.calibration = calibration
        self.strength = nn.Parameter(torch.zeros(len(calibration.temperatures)))
        """(m,) logarithm of the weights."""

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c) and the weights (b, m)."""
        weights = self.strength.exp() * batch.present
        evidence = (weights[..., None] * self.calibration.evidence(batch)).sum(dim=1)
        return self.calibration.decide(evidence), weights / weights.sum(dim=1, keepdim=True)

    def fit(self, batch: Batch, targets: Tensor) -> None:
        """Fit the weights: the least negative log-likelihood, by L-BFGS."""
        optimiser = torch.optim.LBFGS(
            self.parameters(), max_iter=100, line_search_fn="strong_wolfe", tolerance_grad=1e-7
        )

        def closure() -> Tensor:
            optimiser.zero_grad()
            cost = RIDGE * (self.strength**2).sum()
            loss = functional.nll_loss(self(batch)[0], targets) + cost
            loss.backward()
            return loss

        optimiser.step(closure)


class Stacked(Fusion):
    """Multinomial logistic regression on what all modalities say, and on which are there."""

    def __init__(self, calibration: Calibration) -> None:
        super().__init__()
        self.calibration = calibration
        modalities, classes = calibration.log_priors.shape
        self.linear = nn.Linear(modalities * (classes + 1), classes)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return log probabilities (b, c), and no weights."""
        return functional.log_softmax(self.linear(self.inputs(batch)), dim=1), no_weights(batch)

    def inputs(self, batch: Batch) -> Tensor:
        """Return (b, m * (c + 1)): evidence, which is 0 of the missing, and who is missing."""
        evidence = self.calibration.evidence(batch).flatten(1)
        return torch.cat([evidence, (~batch.present).float()], dim=1)

    def fit(self, batch: Batch, targets: Tensor) -> None:
        """Fit the regression; a class without examples keeps an intercept below all others."""
        from sklearn.linear_model import LogisticRegression  # two seconds, that only learning needs

        inputs = self.inputs(batch).numpy()
        model = LogisticRegression(C=STACKING, max_iter=500)
        model.fit(inputs, targets.numpy())
        weight = np.zeros(self.linear.weight.shape)
        bias = np.full(len(weight), float(model.intercept_.min()) - 10)
        rows, intercept = model.coef_, model.intercept_
        if len(model.classes_) == 2:  # one row, which speaks for the second
            rows = np.concatenate([-rows, rows]) / 2
            intercept = np.concatenate([-intercept, intercept]) / 2
        weight[model.classes_], bias[model.classes_] = rows, intercept
        with torch.no_grad():
            self.linear.weight.copy_(torch.from_numpy(weight))
            self.linear.bias.copy_(torch.from_numpy(bias))
