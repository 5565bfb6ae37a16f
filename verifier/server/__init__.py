"""The doors of the service. Importing this package imports no server library; its modules do."""
