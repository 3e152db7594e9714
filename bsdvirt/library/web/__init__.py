"""Downloads over https: requests, partial files, retries over several places."""
