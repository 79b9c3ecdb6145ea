"""What calls of hosted servers cost: an event for each, prices by the site's own card, sums, bills and exports."""
