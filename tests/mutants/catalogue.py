"""All mutants."""

from __future__ import annotations

from typing import Final

from tests.mutants import of_figures, of_fold, of_rights, of_worker
from tests.mutants.mutant import Mutant

MUTANTS: Final[tuple[Mutant, ...]] = of_fold.MUTANTS + of_worker.MUTANTS + of_figures.MUTANTS + of_rights.MUTANTS
