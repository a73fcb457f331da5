"""The folder of a sweep: what lies in it, who may write it, and what goes again."""
