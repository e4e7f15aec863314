import time

while True:
    print("worked", flush=True)
    time.sleep(1)
