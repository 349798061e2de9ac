"""The promises, one test each: a module for each part of what hookchain is."""
