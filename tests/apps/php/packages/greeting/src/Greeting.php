<?php

namespace Example;

class Greeting
{
    public static function from(string $name): string
    {
        return "Hello from $name\n";
    }
}
