def test_version(world):
    done = world.ssh("version")
    print(done)
    assert (done.returncode, done.stdout) == (0, b"paas 0.1.0\n")
