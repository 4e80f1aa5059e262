"""A functional model's graph: what couples its channels, its calls one after another, and the graph rewritten.

- dependencies.py walks a graph by trace.py and atoms.py, with rules by kind of layer: layer_rules.py and the other
  rules beside it.
- calls.py: who calls whom; rewriting.py: layers replaced; homogeneous.py, output_chain.py: two questions about a graph.
"""
