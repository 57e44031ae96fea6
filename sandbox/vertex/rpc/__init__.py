"""The gRPC front end: each call becomes the HTTP request that Google's REST client would send."""
