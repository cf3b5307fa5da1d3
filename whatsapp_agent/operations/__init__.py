"""What those who run it look at: health, metrics, the doctor, backups."""
