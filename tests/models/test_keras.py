"""Keras' arithmetic where it differs from torch's."""

import torch

from stemwise.models.keras import KerasBatchNorm1d


def test_running_variance_is_the_biased_one() -> None:
    norm, x = KerasBatchNorm1d(3, eps=1e-3, momentum=0.01).double(), torch.randn(16, 3).double() * 4 + 1
    torch.nn.init.uniform_(norm.running_var, 0.5, 2)
    before = norm.running_var.clone()
    found = norm(x)
    torch.testing.assert_close(norm.running_var, 0.99 * before + 0.01 * x.var(0, correction=0))
    torch.testing.assert_close(norm.running_mean, 0.01 * x.mean(0))
    expected = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-3).sqrt()
    torch.testing.assert_close(found, expected)


def test_evaluation_is_by_running_statistics_and_leaves_them() -> None:
    norm, x = KerasBatchNorm1d(3), torch.randn(5, 3)
    norm(x)
    before, norm = {name: tensor.clone() for name, tensor in norm.state_dict().items()}, norm.eval()
    expected = (x - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
    torch.testing.assert_close(norm(x), expected)
    assert all(torch.equal(tensor, before[name]) for name, tensor in norm.state_dict().items())


def test_it_is_differentiable_through_several_steps() -> None:
    norm, x = KerasBatchNorm1d(3), torch.randn(5, 3, requires_grad=True)
    (norm(x).square().sum() + norm(2 * x)[0].sum()).backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
