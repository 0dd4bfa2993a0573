"""Groups of flaws as they occur in welds, each with its ISO 6520-1 number.

Flaws come in company: pores in clusters and chains, slag in tracks along the toes, cracks in bundles across
the bead. Each function draws one such group on a weld and returns *plans*: a shape of peak about 1 and the
contrast that its full depth gives on this film. Whether it can be seen is decided later, from blur and grain.

References
----------
ISO 6520-1:2007, Classification of geometric imperfections in metallic materials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from napari_weld_fcn.radiograph.simulation.long_flaws import (
    broad_lens,
    cracks,
    crater_pipe,
    flat_cavities,
    lack_of_fusion,
    lack_of_penetration,
    open_crack,
    root_concavity,
    slag,
    undercut,
)
from napari_weld_fcn.radiograph.simulation.round_flaws import (
    burn_through,
    cluster,
    excess_penetration,
    gas_pores,
    large_pore,
    linear_porosity,
    shrinkage,
    spatter,
    tungsten,
    wormholes,
)
from napari_weld_fcn.radiograph.simulation.site import Plan, Site

#: Each kind of group with its share of all groups, in the order in which they matter.
GROUPS: dict[Callable[[Site], Iterator[Plan]], float] = {
    gas_pores: 0.30,
    large_pore: 0.15,
    cluster: 0.26,
    linear_porosity: 0.10,
    wormholes: 0.05,
    slag: 0.12,
    cracks: 0.11,
    open_crack: 0.03,
    lack_of_fusion: 0.07,
    lack_of_penetration: 0.10,
    shrinkage: 0.04,
    crater_pipe: 0.02,
    undercut: 0.02,
    root_concavity: 0.02,
    broad_lens: 0.05,
    flat_cavities: 0.05,
    burn_through: 0.005,
    tungsten: 0.02,
    spatter: 0.03,
    excess_penetration: 0.015,
}


def draw_group(site: Site) -> list[Plan]:
    """Draw one group of a random kind."""
    shares = np.array(list(GROUPS.values()))
    kind = list(GROUPS)[int(site.rng.choice(len(shares), p=shares / shares.sum()))]
    return list(kind(site))
