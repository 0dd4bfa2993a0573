"""What is drawn leaves nothing behind, so that removing a Shapes layer does not end napari.

Vispy switches the vertex arrays of a program on to draw it, and never off. Shapes need six of them, images
two. Once a Shapes layer is removed and its buffers are gone, four arrays stay on that point nowhere, and the
next image is drawn with them: undefined in OpenGL, and a segmentation fault in Mesa's software renderer. It
takes no more than rectangles that were drawn and deleted, so no order of layers avoids it. Here each program
switches off what it switched on.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def leave_no_arrays() -> None:
    """Have every program of Vispy switch its vertex arrays off after drawing; a second call does nothing."""
    from vispy.gloo import glir

    rest = glir.GlirProgram._post_draw

    def post_draw(program: Any) -> None:
        for buffer, place, *_ in program._attributes.values():
            if buffer:
                glir.gl.glDisableVertexAttribArray(place)
        rest(program)

    glir.GlirProgram._post_draw = post_draw
