"""The learning-rate range test: loss against learning rate in a short training, and the learning rate to take.

Smith 2017, "Cyclical Learning Rates for Training Neural Networks" (arXiv:1506.01186, section 3.3), describes the test.
"""
