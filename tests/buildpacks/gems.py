"""Real gems without a gem server: packed from what Debian has of them."""

from tests.buildpacks.sandbox import APPS, Sandbox, files_of
from tests.buildpacks.test_debian import planned

# Debian's packages, pure Ruby all of them
DEBIAN = ("ruby-sinatra", "ruby-rackup", "ruby-webrick", "ruby-bundler", "ruby")
NAMES = ("sinatra", "rackup", "webrick")

PACK = r"""
require "fileutils"
require "rubygems/package"
root, out = "/usr/share/rubygems-integration/all", "/cache/gems"
FileUtils.mkdir_p(out)
wanted, seen = ARGV.dup, {}
while (name = wanted.pop)
  next if seen[name]
  spec = Gem::Specification.find_by_name(name)
  seen[name] = spec
  spec.runtime_dependencies.each { |one| wanted << one.name }
end
seen.each_value do |spec|
  next if spec.default_gem?
  draft = "/tmp/#{spec.full_name}"
  FileUtils.cp_r(spec.full_gem_path, draft)
  Dir.chdir(draft) do
    # Debian's programs begin with its own gems, so the one that matters is as the gem has it
    spec.bindir, spec.executables = "exe", spec.executables & ["rackup"]
    FileUtils.mkdir_p("exe")
    spec.executables.each do |name|
      File.write("exe/#{name}", "require \"rackup\"\nRackup::Server.start\n")
    end
    spec.files = Dir.glob("{lib,exe}/**/*").select { |path| File.file?(path) }
    %i[extra_rdoc_files test_files].each { |list| spec.public_send("#{list}=", []) }
    Gem::Package.build(spec, true, false, File.join(out, "#{spec.name}-#{spec.version}.gem"))
  end
end
puts Dir.children(out).sort
"""


NATIVE = r"""
require "fileutils"
require "rubygems/package"
FileUtils.mkdir_p("/tmp/shelf/ext/shelf")
Dir.chdir("/tmp/shelf")
File.write("ext/shelf/extconf.rb", <<~CODE)
  require "mkmf"
  abort "vips/vips.h is missing" unless have_header("vips/vips.h")
  create_makefile "shelf/shelf"
CODE
spec = Gem::Specification.new("shelf", "1.0.0") do |one|
  one.summary, one.authors = "shelf", ["somebody"]
  one.files, one.extensions = ["ext/shelf/extconf.rb"], ["ext/shelf/extconf.rb"]
end
Gem::Package.build(spec, true, false, "/cache/shelf.gem")
"""
PURE = r"""
require "fileutils"
require "rubygems/package"
FileUtils.mkdir_p("/tmp/pure/lib")
Dir.chdir("/tmp/pure")
File.write("lib/shelf.rb", "SHELF = \"Ruby with a shelf\\n\"\n")
spec = Gem::Specification.new("shelf", "1.0.0") do |one|
  one.summary, one.authors, one.files = "shelf", ["somebody"], ["lib/shelf.rb"]
end
Gem::Package.build(spec, true, false, "/cache/pure.gem")
"""
LOCK = """
set -e
mkdir -p /cache/app && cd /cache/app && cat > Gemfile
bundle lock --local > /dev/null && cat Gemfile.lock
"""


class Packed:
    """Gems as files, and what makes lock files that name them."""

    def __init__(self, sandbox: Sandbox) -> None:
        (plan,) = planned(sandbox, *DEBIAN, variant="build")
        self.sandbox = sandbox
        self.folders = {"config": sandbox.fresh("config"), "cache": sandbox.folder("cache-gems")}
        made = sandbox.layer("", plan, [], bytes(1024), **self.folders)
        assert made.status == 0, made.results
        self.ruby = made.upper
        done = sandbox.run(["/usr/bin/ruby", "-e", PACK, *NAMES], [self.ruby], **self.folders)
        assert done.status == 0, done.output
        found = (self.folders["cache"] / "gems").glob("*.gem")
        self.files = {f"vendor/cache/{path.name}": path.read_bytes() for path in found}

    def lock(self, gemfile: bytes) -> bytes:
        """The Gemfile.lock of a Gemfile, with the versions there are here."""
        argv = ["/bin/bash", "-c", LOCK]
        done = self.sandbox.run(argv, [self.ruby], gemfile, **self.folders)
        assert done.status == 0, done.output
        return done.output.encode()

    def app(self) -> dict[str, bytes]:
        """The sample app with its gems."""
        files = files_of(APPS / "ruby")
        return {**files, **self.files, "Gemfile.lock": self.lock(files["Gemfile"])}

    def grown(self) -> dict[str, bytes]:
        """The sample app with one gem more, shelf, which has the constant SHELF."""
        files = self.app()
        lock = files["Gemfile.lock"].decode()
        for before, more in (
            ("    sinatra (", "    shelf (1.0.0)\n"),
            ("  sinatra\n", "  shelf\n"),
        ):
            assert before in lock, lock
            lock = lock.replace(before, more + before, 1)
        files["Gemfile"] += b'gem "shelf"\n'
        files["Gemfile.lock"] = lock.encode()
        files["vendor/cache/shelf-1.0.0.gem"] = self.made(PURE, "pure.gem")
        return files

    def native(self) -> bytes:
        """A gem with an extension in C that needs a library the stack does not have."""
        return self.made(NATIVE, "shelf.gem")

    def made(self, program: str, name: str) -> bytes:
        done = self.sandbox.run(["/usr/bin/ruby", "-e", program], [self.ruby], **self.folders)
        assert done.status == 0, done.output
        return (self.folders["cache"] / name).read_bytes()
