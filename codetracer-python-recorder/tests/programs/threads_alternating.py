"""Two threads take turns, by semaphores; what they do is not visible to the main thread."""

import threading

turns = [threading.Semaphore(1), threading.Semaphore(0)]


def speak(me):
    said = []
    for n in range(2):
        turns[me].acquire()
        said.append((me, n))
        print(said)
        turns[1 - me].release()


first = threading.Thread(target=speak, args=(0,))
second = threading.Thread(target=speak, args=(1,))
first.start()
second.start()
first.join()
second.join()
print("done")
