import "reflect-metadata";
import { Controller, Get, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";

@Controller()
class Pages {
  @Get()
  hello(): string {
    return "Hello from Nest";
  }
}

@Module({ controllers: [Pages] })
class App {}

NestFactory.create(App).then((app) => app.listen(process.env.PORT ?? 3000));
