"""Which arithmetic `auto` is."""

from __future__ import annotations

import platform

import pytest
import torch

from napari_weld_fcn.training.hardware import resolve_precision


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": False}, "float32"),
        ({}, "float32"),
    ],
)
def test_auto_is_bfloat16_where_the_processor_computes_in_it(
    capabilities: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert resolve_precision("auto", "cpu") == precision
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert resolve_precision("auto", "cpu") == "float32"


def test_what_is_asked_for_by_name_is_taken() -> None:
    assert resolve_precision("float32", "cpu") == "float32"
    assert resolve_precision("bfloat16", "cpu") == "bfloat16"


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or not hasattr(torch.cpu, "get_capabilities"),
    reason="PyTorch tells the names of these instructions on x86 alone, from 2.10 on",
)
def test_pytorch_knows_the_instructions_by_these_names() -> None:
    assert {"avx512_bf16", "amx_bf16"} <= set(torch.cpu.get_capabilities())
