"""Make a trained model forget chosen training data, and measure against retraining whether it did."""
