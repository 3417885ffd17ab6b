"""Effects of all single substitutions, recomputing only what each of them reaches; the way in is `engine.Engine`.

A model is written down as its calls (`trace`). The results for one sequence are kept, and for a block of edits each
call is answered by a handler that computes where and by how much its result changes (`windows`; `convolution`,
`pooling`, `pointwise`, `shapes`). Calls that mix all positions, and those after them, are made in full in batches.
"""
