"""What controllers and the kubelet are made of: caches, a queue, the objects they read, the Events and
patches they write.
"""
