"""Pictures with more than a class: a mask of classes by pixel, or boxes around objects."""
