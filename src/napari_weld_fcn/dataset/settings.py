"""How crops are cut, varied and split."""

from __future__ import annotations
