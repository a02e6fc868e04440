"""The findings of the doctor as a page, each with the picture that proves it."""
