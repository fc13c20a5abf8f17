"""How accurate the classifier is without tuning, beside Rocket and the nearest neighbour under time warping."""
