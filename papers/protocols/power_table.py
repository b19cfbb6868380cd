"""Power of each protocol on a substrate: ``python -m papers.protocols.power_table "Digits()" --store models`` prints its rows.

The spread is that of real retrained models. Minutes are of one core, by the models that were trained for it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from papers.protocols.populations import population

from untrain.evaluation.protocols.endpoints import endpoints
from untrain.evaluation.protocols.power import Power, law_of, power_of, smallest
from untrain.evaluation.protocols.protocol import Protocol

DESIGNS = ((1, 19), (5, 10), (10, 20))
NAMES = ("screening", "standard", "strict")


def main() -> None:
    """Train what lacks and print the rows."""
    torch.set_num_threads(1)
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("scenario")
    options.add_argument("--store", type=Path, required=True)
    options.add_argument("--retrains", type=int, default=10)
    options.add_argument("--seconds", type=float, help="of one core per model, where the store has them already")
    given = options.parse_args()
    began = time.process_time()
    models = population(given.scenario, 0, given.retrains, given.store)
    each = given.seconds or (time.process_time() - began) / given.retrains
    seen = models.observed(models.outputs(np.arange(given.retrains)))
    law = law_of(endpoints(seen.of_models(slice(0, 1)), seen)[0])
    print({name: None if spread is None else round(spread, 4) for name, spread in law.spreads.items()})

    def cell(power: Power | None) -> str:
        if power is None:
            return "-"
        minutes = (2 * power.models + power.oracles) * each / 60 if power.models > 1 else power.oracles * each / 60
        count = f"{power.models} and {power.oracles}"
        return f"{count}: {minutes:.2g} min, p {power.passes:.2f}, q {power.detects:.2f}"

    for name in NAMES:
        protocol = Protocol(name)  # type: ignore[arg-type]
        cells = [cell(power_of(protocol, m, k, law)) for m, k in DESIGNS]
        least = [cell(smallest(protocol, law, models)) for models in (1, None)]
        print(f"| {given.scenario.split('(')[0]} | {name} | {' | '.join(cells + least)} |")


if __name__ == "__main__":
    main()
