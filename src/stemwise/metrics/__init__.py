"""What "better" means on paper: plain functions over arrays, references before estimates."""
