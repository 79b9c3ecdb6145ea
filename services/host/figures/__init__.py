"""What is measured of this site's hosting: records of what was done, each with its times, and the figures that they give."""
