exports.book = () => `a book ${require("semver").major("3.1.0")}`;
