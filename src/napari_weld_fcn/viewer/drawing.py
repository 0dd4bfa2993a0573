"""What is drawn leaves nothing behind, so that removing a layer does not end napari.

Vispy switches the vertex arrays of a program on to draw it, and never off. Shapes need six of them, images
two. Once a Shapes layer is removed and its buffers are gone, four arrays stay on that point nowhere, and the
next image is drawn with them: undefined in OpenGL, and a segmentation fault in Mesa's software renderer. It
takes no more than rectangles that were drawn and deleted, so no order of layers avoids it. Here each program
switches off what it switched on.

The same renderer ends when a layer's program is deleted before another program was drawn: an image and its
labels, the image removed, and the view moved. Here a program is deleted after the next one was drawn.
"""

from __future__ import annotations

from functools import cache
from typing import Any

#: Where a context keeps the programs that are to be deleted.
_DELETED = "programs to delete"


@cache
def leave_nothing_behind() -> None:
    """Have every program of Vispy clear up after drawing; a second call does nothing."""
    from vispy.gloo import glir

    rest, delete = glir.GlirProgram._post_draw, glir.GlirProgram.delete

    def post_draw(program: Any) -> None:
        for buffer, place, *_ in program._attributes.values():
            if buffer:
                glir.gl.glDisableVertexAttribArray(place)
        rest(program)
        for deleted in program._parser.env.pop(_DELETED, ()):
            delete(deleted)

    def delete_later(program: Any) -> None:
        program._parser.env.setdefault(_DELETED, []).append(program)

    glir.GlirProgram._post_draw = post_draw
    glir.GlirProgram.delete = delete_later
