<?php

require __DIR__ . '/../vendor/autoload.php';

header('Content-Type: text/plain');
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($path === '/extensions') {
    echo implode(' ', get_loaded_extensions());
} elseif ($path === '/scheme') {
    echo $_SERVER['HTTPS'] ?? 'off';
} else {
    echo Example\Greeting::from('PHP');
}
