"""threading.local and a Thread subclass with an own run."""

import threading


class Worker(threading.Thread):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def run(self):
        data.value = self.value
        self.value = data.value * 2


data = threading.local()
data.value = "main"
worker = Worker(4)
worker.start(); worker.join()  # one step: between two, what the main thread sees would be chance
value = worker.value
worker = None
print(value, data.value)
