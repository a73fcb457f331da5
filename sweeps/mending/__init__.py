"""What puts a sweep right again from outside: its record finished, its folder looked over."""
