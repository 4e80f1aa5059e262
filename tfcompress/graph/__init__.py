"""A functional model's graph: what couples its channels, who reads what, and the model made anew.

- dependencies.py walks a graph by trace.py and atoms.py, with rules by kind of layer: layer_rules.py and the other
  rules beside it. The walk itself is backend/calls.py.
- network.py: who reads what; output_chain.py, homogeneous.py: two questions about that.
- rewriting.py: a model called anew, layer by layer; rebuilding.py: one made anew from its configuration.
"""
